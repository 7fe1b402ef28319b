"""Words from which people, places and firms are put together. None of them is meant."""

from __future__ import annotations

from typing import Final


def _words(text: str, between: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(between))


GIVEN: Final = _words(
    "Ada Alma Amara Anders Anouk Arlo Asha Basil Bea Bjorn Camille Carmen Cedric Chiara Clem "
    "Dario Delia Diego Edith Elio Elif Emre Esme Ewan Fatima Felix Fern Flora Gideon Greta "
    "Hana Hector Hugo Ines Ingrid Iris Ivo Jamal Joanna Jonas Juno Kaito Karim Keira Kofi Lars "
    "Leila Lena Linus Lola Lucia Magnus Maeve Malik Marta Mateo Mina Nadia Nico Nils Noor Oda "
    "Olive Oscar Otis Paloma Pavel Petra Pia Quentin Rafa Rosa Runa Sadie Samir Selma Sven Tahir "
    "Tessa Theo Tilda Uma Vera Viktor Wanda Wren Yara Yusuf Zane Zoe"
)

FAMILY: Final = _words(
    "Abara Aldous Amberley Arden Ashgrove Bakari Barlow Bechstein Belmonte Birkett Bonner "
    "Brandt Brightwell Calloway Castellan Chaudry Cole Corrigan Dalgaard Deveraux Dietz Dorsey "
    "Eastman Ekwueme Ellery Esposti Fairbanks Falk Farrow Fenwick Fontaine Galloway Garnett "
    "Gerlach Granger Greenhalgh Haddad Hale Hartwig Hawthorn Heller Holloway Ibarra Iversen "
    "Jardine Jensen Kaplan Kessler Kimura Kowal Lachance Lindqvist Lockhart Lorca Maddox "
    "Marchetti Marlowe Mbeki Mercer Montrose Moreau Nakata Navarro Newell Norwood Oakes Obi "
    "Okafor Olsen Ortega Paxton Pelletier Penrose Quill Quintero Radley Ramos Rennick Rivers "
    "Rosario Rowntree Sandoval Schaefer Selwyn Serrano Sharma Sinclair Sorensen Stanhope Sutter "
    "Tanaka Tavares Thackeray Thorne Tremblay Underhill Valdez Vance Varga Vogel Wainwright "
    "Walsh Weaver Whitlock Winslow Yilmaz York Zamora Ziegler"
)

# Region: id, name, weight among the stores, area codes (kept to fictional 555-01xx numbers).
REGIONS: Final = (
    ("northshore", "Northshore", 5, ("207", "208")),
    ("lakelands", "Lakelands", 4, ("231", "234")),
    ("midvale", "Midvale", 4, ("309", "319")),
    ("capital", "Capital District", 6, ("301", "302")),
    ("southbay", "Southbay", 5, ("361", "386")),
    ("ridgeline", "Ridgeline", 3, ("406", "435")),
    ("redrock", "Red Rock", 2, ("505", "520")),
    ("westcove", "West Cove", 5, ("530", "541")),
)

TOWN_FIRST: Final = _words(
    "Alder Amber Ash Barrow Bell Birch Bramble Bright Canning Cedar Clear Copper Crane Dove "
    "Eagle Elm Fair Fern Finch Flint Fox Glen Gran Grey Gull Hazel Heron High Holly Iron Juniper "
    "Kestrel Lark Laurel Lime Linden Loch Maple Marsh Mill Moss Oak Otter Pebble Pine Quarry "
    "Raven Reed Rowan Sable Sand Silver Stone Swan Thistle Thorn Willow Wren"
)

TOWN_LAST: Final = _words(
    "bay brook bury dale field ford gate ham haven hurst ley mere mouth port ridge side stead "
    "ton vale view wick wood worth"
)

STREETS: Final = _words(
    "Anchor Lane|Bakery Row|Beacon Street|Canal Walk|Chandler Street|Coopers Yard|Depot Road|"
    "Ferry Road|Foundry Street|Garden Terrace|Granary Way|Harbor Parade|High Street|Hill Road|"
    "Lantern Street|Market Square|Meadow Drive|Mill Lane|Orchard Avenue|Park Row|Pilot Street|"
    "Quay Street|Ropewalk|Saddler Street|School Lane|Station Road|Tannery Way|Timber Street|"
    "Union Street|Viaduct Road|Weaver Street|Wharf Road",
    "|",
)

SUPPLIERS: Final = _words(
    "Anvil & Ash Trading|Birchline Wholesale|Bluewater Homeware|Castle Gate Imports|"
    "Cinder Hill Forge|Clearwick Textiles|Copper Kite Supply|Dunmore Paints|Eastgate Lighting|"
    "Fernholt Outdoor|Fieldmouse Toys|Glasswing Ceramics|Halcyon Bedding|Ironbark Tools|"
    "Larkspur Garden|Lowland Pet Goods|Marlow Electrics|Northbound Freight & Goods|"
    "Old Quarry Stoneware|Pinecrest Storage|Quillfeather Linen|Redstart Plastics|"
    "Saltmarsh Bath|Tidewell Kitchen|Weatherby Hardware",
    "|",
)

BRANDS: Final = _words(
    "Tidewell Fernholt Oakline Brinley Marlowe Halden Kestrelware Saltmarsh Lumenby Ironbark "
    "Pebblepot Clearwick"
)

# RFC 2606 reserves these; no mail can ever arrive.
MAIL_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example", "post.example")
