"""What the API says: response models, strict so that a misspelt field fails a test and not a client."""
