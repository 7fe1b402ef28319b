"""Telling a provider's key, sent here by mistake, from one of ours."""

_FOREIGN = (
    ("sk-ant-", "Anthropic"),
    ("sk-proj-", "OpenAI"),
    ("sk-", "OpenAI-style"),
    ("AIza", "Google"),
    ("gsk_", "Groq"),
    ("hf_", "Hugging Face"),
    ("xai-", "xAI"),
    ("AKIA", "AWS"),
)


def issuer_of(secret: str) -> str | None:
    """Whose key this looks like, ``None`` when it looks like nobody's."""
    return next((name for prefix, name in _FOREIGN if secret.startswith(prefix)), None)


def advice(secret: str) -> str:
    """What to tell the holder of a key that is refused; never a part of the key itself."""
    create = "freehold key create --tenant TENANT --app APP"
    if not secret:
        return f"No API key was sent. Make one with: {create}"
    issuer = issuer_of(secret)
    if issuer is not None:
        return (
            f"This is an {issuer} key, and Freehold takes only its own. It was not used or kept; "
            f"since it left your machine, consider rotating it. Make a Freehold key with: {create}"
        )
    return f"The API key is unknown, expired or revoked. Make one with: {create}"
