"""One room per local model family; each runs its model behind a port and knows no wire format."""
