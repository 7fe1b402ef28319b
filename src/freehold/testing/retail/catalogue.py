"""What Harbor & Pine sells and on what terms: the literal lists behind the product tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of product; each becomes a few products in different styles.

    `price_cents` is the middle of the price range, `warranty` is in months.
    """

    noun: str
    price_cents: int
    warranty: int = 12
    hazmat: bool = False
    returnable: bool = True


@dataclass(frozen=True, slots=True)
class Category:
    """A department: SKU prefix, styles, refund window in days and what the window excludes."""

    name: str
    prefix: str
    window_days: int
    excluded: str
    styles: tuple[str, ...]
    kinds: tuple[Kind, ...]


K = Kind

CATEGORIES: Final = (
    Category(
        "kitchen", "KI", 45, "used cookware; engraved items",
        ("Enamel", "Copper", "Stoneware", "Cast Iron", "Brushed Steel"),
        (K("Kettle", 4_900, 24), K("Saucepan", 5_900, 36), K("Bread Knife", 2_900, 60),
         K("Mixing Bowl", 1_800), K("Teapot", 3_400), K("Skillet", 6_400, 60),
         K("Pepper Mill", 2_600, 36), K("Colander", 2_200), K("Roasting Tin", 3_100, 24),
         K("Spice Rack", 2_700), K("Cake Stand", 3_300)),
    ),
    Category(
        "bedding", "BD", 30, "opened pillows; washed linen",
        ("Linen", "Cotton", "Wool", "Down", "Washed Percale"),
        (K("Duvet", 12_900, 24), K("Pillow", 3_900, returnable=False), K("Fitted Sheet", 4_200),
         K("Throw Blanket", 5_600), K("Mattress Topper", 18_900, 36), K("Pillowcase", 1_900),
         K("Quilt", 14_900, 24), K("Bedspread", 8_900), K("Bolster", 3_600),
         K("Mattress Protector", 5_200), K("Cot Blanket", 3_200)),
    ),
    Category(
        "lighting", "LI", 30, "opened bulbs; cut cable",
        ("Brass", "Smoked Glass", "Paper", "Matte Black", "Rattan"),
        (K("Desk Lamp", 5_400, 24), K("Floor Lamp", 11_900, 24), K("Pendant Light", 8_400, 24),
         K("Wall Sconce", 6_200, 24), K("String Lights", 2_400), K("Lantern", 3_800),
         K("Reading Light", 2_900), K("Night Light", 1_600), K("Ceiling Fan", 16_900, 36),
         K("Dimmer Switch", 2_100, 24), K("LED Bulb Pack", 1_700, 24, False, False)),
    ),
    Category(
        "outdoor", "OU", 60, "used stoves; fuel",
        ("Trail", "Harbor", "Summit", "Canvas", "All-Weather"),
        (K("Picnic Blanket", 3_900), K("Folding Chair", 5_900, 24), K("Camp Stove", 7_400, 24),
         K("Gas Canister", 900, 0, True, False), K("Cool Box", 8_900, 24), K("Parasol", 12_400),
         K("Hammock", 6_900), K("Fire Pit", 19_900, 24), K("Deck Box", 14_400, 24),
         K("Storm Lantern", 4_200), K("Garden Bench", 24_900, 36)),
    ),
    Category(
        "tools", "TO", 90, "used blades; cut timber",
        ("Pro", "Compact", "Workshop", "Ratchet", "Heavy Duty"),
        (K("Cordless Drill", 12_900, 36), K("Claw Hammer", 2_700, 60), K("Spirit Level", 2_300, 24),
         K("Socket Set", 6_900, 60), K("Hand Saw", 2_900, 24), K("Tool Belt", 3_900),
         K("Step Ladder", 8_900, 60), K("Work Light", 4_600, 24), K("Orbital Sander", 7_900, 36),
         K("Tape Measure", 1_200, 24), K("Battery Pack", 6_400, 24, True)),
    ),
    Category(
        "paint", "PA", 14, "opened tins; tinted to order",
        ("Chalk", "Exterior", "Satin", "Low Odour", "Marine"),
        (K("Wall Paint", 3_900, 0, True), K("Wood Stain", 2_900, 0, True),
         K("Primer", 2_600, 0, True), K("Varnish", 2_800, 0, True),
         K("Paint Thinner", 1_100, 0, True, False), K("Spray Paint", 900, 0, True, False),
         K("Paint Roller", 1_300), K("Brush Set", 1_900), K("Dust Sheet", 1_000),
         K("Masking Tape", 600), K("Filler", 800, 0)),
    ),
    Category(
        "garden", "GA", 30, "live plants after 14 days; opened feed",
        ("Terracotta", "Cottage", "Galvanised", "Heritage", "Long Reach"),
        (K("Planter", 3_400), K("Watering Can", 2_600, 24), K("Pruning Shears", 2_900, 60),
         K("Wheelbarrow", 9_900, 36), K("Garden Hose", 4_400, 24), K("Lawn Mower", 32_900, 36),
         K("Bird Feeder", 1_900), K("Compost Bin", 6_900, 24), K("Potting Bench", 11_900, 24),
         K("Weed Killer", 1_400, 0, True, False), K("Seed Kit", 1_200, 0, False, False)),
    ),
    Category(
        "storage", "ST", 45, "assembled shelving",
        ("Oak", "Woven", "Slimline", "Stackable", "Cedar"),
        (K("Bookcase", 15_900, 36), K("Shoe Rack", 4_900), K("Laundry Basket", 3_300),
         K("Coat Stand", 6_900), K("Storage Box", 1_900), K("Wall Shelf", 3_900, 24),
         K("Chest of Drawers", 22_900, 36), K("Toy Chest", 8_900, 24), K("Wine Rack", 4_400),
         K("Filing Cabinet", 13_900, 36), K("Garment Rail", 5_400)),
    ),
    Category(
        "pets", "PE", 30, "opened food; used bedding",
        ("Cosy", "Rugged", "Felt", "Travel", "Everyday"),
        (K("Dog Bed", 6_900), K("Cat Tree", 8_900), K("Pet Carrier", 5_900, 24),
         K("Food Bowl", 1_500), K("Dog Lead", 1_900), K("Scratching Post", 3_900),
         K("Dry Food Bag", 3_600, 0, False, False), K("Litter Tray", 2_400),
         K("Bird Cage", 9_900, 24), K("Aquarium", 14_900, 24), K("Grooming Brush", 1_400)),
    ),
    Category(
        "bath", "BA", 30, "used towels; unsealed hygiene items",
        ("Bamboo", "Waffle", "Marble", "Spa", "Soft Touch"),
        (K("Bath Towel", 2_400), K("Bath Mat", 2_700), K("Shower Curtain", 2_900),
         K("Soap Dispenser", 1_600), K("Bathroom Scale", 4_400, 24), K("Toothbrush Holder", 1_100),
         K("Bathrobe", 6_400), K("Shower Head", 5_900, 36), K("Mirror Cabinet", 12_900, 24),
         K("Towel Rail", 4_900, 36), K("Sponge Set", 900, 0, False, False)),
    ),
    Category(
        "toys", "TY", 45, "opened puzzles with missing pieces",
        ("Wooden", "Classic", "Giant", "Junior", "Painted"),
        (K("Train Set", 5_900), K("Puzzle", 1_900), K("Doll House", 9_900, 24),
         K("Building Blocks", 3_400), K("Kite", 2_200), K("Rocking Horse", 13_900, 24),
         K("Board Game", 2_900), K("Play Tent", 5_400), K("Balance Bike", 8_900, 24),
         K("Stacking Rings", 1_600), K("Science Kit", 3_900, 0, True)),
    ),
    Category(
        "electrics", "EL", 30, "missing parts; liquid damage",
        ("Quiet", "Retro", "Smart", "Mini", "Family"),
        (K("Toaster", 5_900, 24), K("Blender", 7_900, 24), K("Coffee Grinder", 6_400, 24),
         K("Espresso Machine", 28_900, 36), K("Air Purifier", 18_900, 24),
         K("Humidifier", 8_400, 24), K("Vacuum Cleaner", 24_900, 36), K("Steam Iron", 6_900, 24),
         K("Space Heater", 9_400, 24), K("Slow Cooker", 7_400, 24),
         K("Power Bank", 4_400, 12, True)),
    ),
)  # fmt: skip

# Tier: share of customers in percent, discount that needs no approval in basis points,
# order value from which shipping is free in cents, days added to the refund window.
TIERS: Final = {
    "guest": (46, 500, 7_500, 0),
    "silver": (30, 700, 5_000, 0),
    "gold": (17, 1_000, 2_500, 7),
    "platinum": (7, 1_500, 0, 15),
}
