"""The texts that train the shipped heads: own ones from phrase patterns, and public sets."""
