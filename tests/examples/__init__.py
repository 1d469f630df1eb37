"""The examples as a newcomer runs them: by the commands in their README, against a real server process."""
