"""What we call over the network, behind one guarded HTTP client. Empty until webhooks and chat models exist."""
