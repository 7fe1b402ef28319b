"""Makes the model of `freehold.text.tagger` from generated text: see `__main__`."""
