"""European numbers whose check digits hold, in the words people put before them."""

EUROPE = {
    "at_svnr": "SVNR 1237 010180|1237 010180\nmeine Versicherungsnummer: 1237010180|1237010180",
    "bg_egn": """
        EGN: 7523169263|7523169263
        ЕГН 7523169263|7523169263
        личен номер 7523169263|7523169263
    """,
    "cy_tic": "TIC 10259033P|10259033P\ntax number 10259033P|10259033P",
    "rodne_cislo": """
        rodné číslo: 736028/5163|736028/5163
        Birth number 7360285163|7360285163
        r.č. 530414/123|530414/123
    """,
    "de_social_security": """
        Sozialversicherungsnummer 65 170839 J 003|65 170839 J 003
        65170839J003|65170839J003
    """,
    "de_id_card": """
        Personalausweis L01X00T471|L01X00T471
        ID card number: L01X00T47|L01X00T47
    """,
    "dk_cpr": "CPR-nummer 211062-5629|211062-5629\nmit CPR 2110625628|2110625628",
    "ee_isikukood": "isikukood 37605030299|37605030299",
    "lt_asmens_kodas": "asmens kodas: 33309240064|33309240064",
    "gr_amka": "ΑΜΚΑ 01019037645|01019037645\nAMKA: 01019037645|01019037645",
    "gr_afm": "Α.Φ.Μ. 094259216|094259216\nAFM 094259216|094259216",
    "hr_oib": "OIB: 69435151530|69435151530\nosobni identifikacijski broj 69435151530|69435151530",
    "hu_taj": "TAJ-szám: 230 798 683|230 798 683",
    "hu_tax_id": "adóazonosító jel 8886091524|8886091524",
    "hu_personal_id": "személyi szám: 1 850301 8705|1 850301 8705",
    "ie_pps": "Irish PPS number: 1234567T|1234567T\nPPSN 1234567 T|1234567 T",
    "lv_personas_kods": """
        personas kods 161175-19997|161175-19997
        personas kods 329999-99999|329999-99999
    """,
    "lu_matricule": "matricule 1893120105732|1893120105732\n1893120105732|1893120105732",
    "mt_id": "Maltese ID card 0123486M|0123486M",
    "no_fodselsnummer": "fødselsnummer 010190 13274|010190 13274\n01019013274|01019013274",
    "pt_nif": "NIF: 123456789|123456789\ncontribuinte n.º 123 456 789|123 456 789",
    "ro_cnp": """
        Romanian CNP: 1800101221144|1800101221144
        codul numeric personal 1800101221144|1800101221144
    """,
    "si_emso": "EMŠO 0101006500006|0101006500006",
}
"""Lines of text and value, apart by `|`, for each kind."""
