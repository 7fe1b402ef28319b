"""Telling a provider's key, sent here by mistake, from one of ours."""

_FOREIGN = (
    ("sk-ant-", "an Anthropic"),
    ("sk-proj-", "an OpenAI"),
    ("sk-", "an OpenAI-style"),
    ("AIza", "a Google"),
    ("gsk_", "a Groq"),
    ("hf_", "a Hugging Face"),
    ("xai-", "an xAI"),
    ("AKIA", "an AWS"),
)


def issuer_of(secret: str) -> str | None:
    """Whose key this looks like, with its article; ``None`` when it looks like nobody's."""
    return next((name for prefix, name in _FOREIGN if secret.startswith(prefix)), None)


def advice(secret: str, example: tuple[str, str] | None = None) -> str:
    """What to tell the holder of a key that is refused; never a part of the key itself.

    ``example`` is a tenant and an app that exist.
    """
    tenant, app = example or ("TENANT", "APP")
    create = f"freehold key create --tenant {tenant} --app {app}"
    if not secret:
        return f"No API key was sent. Make one with: {create}"
    issuer = issuer_of(secret)
    if issuer is not None:
        return (
            f"This is {issuer} key, and Freehold takes only its own. It was not used or kept; "
            f"since it left your machine, consider rotating it. Make a Freehold key with: {create}"
        )
    return f"The API key is unknown, expired or revoked. Make one with: {create}"
