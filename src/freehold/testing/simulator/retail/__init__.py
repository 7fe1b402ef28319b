"""The `retail` behaviour: a shop's clerk who answers from the context that a request carries."""
