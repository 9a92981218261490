"""Another attention mechanism in a Hugging Face model's attention layers, with proof that the model stays whole."""
