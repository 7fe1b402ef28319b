"""Refunds in other languages: read by their own words, whatever the text is taken for."""

import pytest

from freehold.text.facts import extract

PROMISED = [
    ("de", "Sie bekommen Ihr Geld zurück."),
    ("de", "Die Erstattung ist genehmigt."),
    ("de", "Ja, wir erstatten Ihnen den vollen Betrag."),
    ("de", "Gerne erstatten wir Ihnen den Betrag."),
    ("de", "Ihr Geld ist auf dem Weg zu Ihnen."),
    ("de", "Der Betrag wird Ihnen zurückerstattet."),
    ("de", "Du bekommst die 40 € zurück."),
    ("de", "Sie erhalten eine volle Rückerstattung."),
    ("de", "Wir überweisen Ihnen das Geld zurück."),
    ("de", "Erstattung genehmigt!"),
    ("de", "Sie haben Anspruch auf eine volle Erstattung."),
    ("de", "Ihre Bestellung wurde erstattet."),
    ("fr", "Vous serez remboursé demain."),
    ("fr", "Votre commande sera remboursée."),
    ("fr", "Remboursement accordé."),
    ("fr", "Le remboursement a été effectué."),
    ("fr", "Vous recevrez un remboursement complet."),
    ("fr", "Nous vous rendrons l'argent."),
    ("fr", "On vous rembourse."),
    ("fr", "Vous avez droit à un remboursement."),
    ("es", "Le devolveremos el dinero."),
    ("es", "Reembolso aprobado."),
    ("es", "Recibirá un reembolso completo."),
    ("es", "Su pedido será reembolsado."),
    ("es", "Tiene derecho a un reembolso."),
    ("es", "Te devolvemos tu dinero."),
    ("es", "Le hemos devuelto el dinero."),
    ("es", "Su reembolso ha sido aprobado."),
    ("it", "Le rimborseremo l'importo."),
    ("it", "Riceverà un rimborso completo."),
    ("it", "Rimborso approvato."),
    ("it", "Le restituiremo i soldi."),
    ("pt", "Vamos reembolsar o valor."),
    ("pt", "Você receberá um reembolso."),
    ("pt", "Reembolso aprovado."),
    ("pt", "Devolveremos o seu dinheiro."),
    ("nl", "We betalen het bedrag terug."),
    ("nl", "U krijgt uw geld terug."),
    ("nl", "De terugbetaling is goedgekeurd."),
    ("nl", "U ontvangt een terugbetaling."),
]
NOT_PROMISED = [
    ("de", "Sie bekommen Ihr Geld nicht zurück."),
    ("de", "Die Erstattung ist nicht genehmigt."),
    ("de", "Wir können Ihnen den Betrag leider nicht erstatten."),
    ("de", "Kunden bekommen ihr Geld zurück."),
    ("de", "Möchten Sie, dass wir den Betrag erstatten?"),
    ("de", "Sie erhalten keine Rückerstattung."),
    ("de", "Eine Erstattung ist nicht möglich."),
    ("de", "Wie bekommen Sie Ihr Geld zurück?"),
    ("de", "Ich prüfe, ob die Erstattung genehmigt wurde."),
    ("de", "Ich bin zurück."),
    ("de", "Wir sind am Montag zurück."),
    ("fr", "Vous ne serez pas remboursé."),
    ("fr", "Nous ne remboursons pas."),
    ("fr", "Le remboursement n'est pas accordé."),
    ("fr", "Comment demander un remboursement ?"),
    ("fr", "Les clients sont remboursés."),
    ("fr", "Si nous vous remboursons"),
    ("fr", "Si nous vous remboursons, ce sera demain."),
    ("es", "No le devolveremos el dinero."),
    ("es", "No recibirá un reembolso."),
    ("es", "¿Quiere que le devolvamos el dinero?"),
    ("es", "El reembolso no ha sido aprobado."),
    ("es", "Los clientes reciben un reembolso."),
    ("it", "Non la rimborseremo."),
    ("it", "Il rimborso non è approvato."),
    ("pt", "Não vamos reembolsar o valor."),
    ("nl", "U krijgt uw geld niet terug."),
    ("nl", "We betalen het niet terug."),
]


def refunds(text: str, language: str) -> list[str]:
    return [
        f.polarity for f in extract(text, language) if f.kind == "commitment" and f.role == "refund"
    ]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Ihr Geld wird heute überwiesen."),
        ("fr", "Vous allez récupérer la somme."),
        ("fr", "Vous recevrez votre argent demain."),
        ("fr", "Nous vous rendons le montant."),
    ],
)
def test_promises_without_the_words_that_promises_have(language: str, text: str) -> None:
    found = [(f.role, f.polarity) for f in extract(text, language) if f.kind == "commitment"]
    assert found == [("refund", "affirmed")]


@pytest.mark.parametrize(("language", "text"), PROMISED)
def test_promises(language: str, text: str) -> None:
    assert "affirmed" in refunds(text, language)
    assert "affirmed" in refunds(text, "en")


@pytest.mark.parametrize(("language", "text"), NOT_PROMISED)
def test_what_promises_no_refund(language: str, text: str) -> None:
    assert "affirmed" not in refunds(text, language)
    assert "affirmed" not in refunds(text, "en")


def test_both_promises_of_a_sentence_are_found() -> None:
    found = extract("Wir stornieren die Bestellung und erstatten den Betrag.", "de")
    assert {f.role for f in found} >= {"refund"}
