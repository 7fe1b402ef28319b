"""What customers say, and what nobody says in a shop."""

WISHES = {
    "track": ("where is my {}", "has my {} been shipped", "when does the {} arrive",
              "track the delivery of my {}", "my {} is late, where is it"),
    "return": ("I want to send the {} back", "how do I return a {}", "can I give the {} back",
               "the {} does not fit, take it back", "return label for my {}"),
    "stock": ("is the {} in stock", "do you have the {} in blue", "when is the {} available again",
              "which sizes of the {} do you sell", "do you still sell the {}"),
    "pay": ("can I pay the {} by invoice", "my card was charged twice for the {}",
            "which cards do you take for the {}", "I paid the {} and got no receipt",
            "pay for the {} in instalments"),
}  # fmt: skip
ELSEWHERE = [
    f"{ask} {what}"
    for ask in ("write a poem about", "who discovered", "explain the theory of", "sing me")
    for what in ("the moon", "gravity", "penicillin", "jazz", "democracy", "volcanoes")
]
