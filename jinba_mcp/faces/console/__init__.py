"""Sessions and the built web console's files. Empty until there is a console, which will itself talk REST only."""
