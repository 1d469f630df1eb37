"""What we call over the network: mail, and webhooks by HTTP, whose targets are judged. Chat models come here too."""
