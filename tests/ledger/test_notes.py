"""Signed notes: those of other implementations verify, and ours are written as theirs."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.notes import Cosigner, Note, NoteError, Signature, Signer, VerifierKey

# the example of golang.org/x/mod/sumdb/note
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p"
    "ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# the examples of c2sp.org/signed-note and c2sp.org/tlog-cosignature
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
POEM = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
POEM_NOTE = (
    f"{POEM}\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJ"
    "KONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SOFA_NOTE = (
    f"{SOFA}\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7"
    "u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNi"
    "IDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
# what a public log published, with the cosignature of a public witness
PUBLISHED = (
    "arche2025h1.staging.ct.transparency.dev\n1432088532\n"
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n"
    "— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3N"
    "ygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n"
    "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXT"
    "ynk5XeU/zZ0WBxtqB0DrAWfBw==\n"
)
LOG_VKEY = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
WITNESS_VKEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"


@pytest.mark.parametrize("vkey", [VKEY, EXAMPLE_VKEY, LOG_VKEY, WITNESS_VKEY])
def test_a_verifier_key_is_read_and_written(vkey: str) -> None:
    assert str(VerifierKey.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("PeterNeumann", "Peter Neumann"),
        VKEY.replace("PeterNeumann", ""),
        VKEY[:-4],
        VKEY + "=",
        "x+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(vkey)


def test_a_note_of_another_implementation_verifies_and_is_written_the_same() -> None:
    key = VerifierKey.parse(VKEY)
    assert notes.verified(notes.read(NOTE), [key]) == ("PeterNeumann",)
    assert notes.sign(TEXT, Signer("PeterNeumann", SEED)) == NOTE
    assert Signer("PeterNeumann", SEED).key == key


@pytest.mark.parametrize("note", [NOTE, POEM_NOTE, SOFA_NOTE, PUBLISHED])
def test_a_note_is_read_and_written(note: str) -> None:
    assert str(notes.read(note)) == note


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = notes.read(POEM_NOTE)
    assert note.text == POEM
    (signature,) = note.signatures
    assert (signature.name, len(signature.value)) == ("quasimodo.example/salvatore", 64)


def test_a_published_checkpoint_and_its_cosignature_verify() -> None:
    note = notes.read(PUBLISHED)
    log, witness = VerifierKey.parse(LOG_VKEY), VerifierKey.parse(WITNESS_VKEY)
    found = notes.verify(note, [witness, log])
    assert [(one.key, one.at) for one in found] == [(log, None), (witness, 1779573024)]
    assert Checkpoint.parse(note.text).size == 1432088532
    assert notes.verified(note, [VerifierKey.parse(VKEY)]) == ()
    forged = Note(note.text.replace("1432088532", "1432088533"), note.signatures)
    for key in (log, witness):
        with pytest.raises(NoteError, match="wrong"):
            notes.verify(forged, [key])


def test_a_cosignature_says_when() -> None:
    witness = Cosigner("witness.example/w", bytes(range(32)))
    signature = witness.signature(SOFA, 1679315147)
    assert signature.value[:8] == (1679315147).to_bytes(8)
    note = notes.read(str(Note(SOFA, (signature,))))
    (found,) = notes.verify(note, [witness.key])
    assert (found.key, found.at) == (witness.key, 1679315147)
    later = Signature(signature.name, signature.key_id, (1).to_bytes(8) + signature.value[8:])
    with pytest.raises(NoteError):
        notes.verify(Note(SOFA, (later,)), [witness.key])
    # the same key signs nothing as a log that it did not sign as one
    as_log = VerifierKey(witness.key.name, witness.key.public)
    assert notes.verify(note, [as_log]) == ()


def test_the_specification_s_cosignature_has_its_parts() -> None:
    log, witness = notes.read(SOFA_NOTE).signatures
    assert (len(log.value), len(witness.value)) == (64, 72)
    assert (witness.key_id.hex(), int.from_bytes(witness.value[:8])) == ("8d66cf3f", 1679315147)


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_no_bit_of_a_note_can_be_changed(place: int, bit: int) -> None:
    octets = bytearray(NOTE.encode())
    octets[place] ^= 1 << bit
    key = VerifierKey.parse(VKEY)
    try:
        names = notes.verified(notes.read(octets.decode()), [key])
    except (NoteError, UnicodeDecodeError):
        return
    assert names == ()  # another key's name or id: nobody's signature


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        NOTE[:-1],
        NOTE.replace("— ", "- "),
        NOTE.replace("\n— PeterNeumann ", "\n— Peter+Neumann "),
        NOTE.replace("AM=\n", "AN=\n"),  # the same bytes, spelt in another way
        NOTE.replace("If you", "If\tyou"),
        f"{TEXT}\n— x AAAA\n",
        f"{TEXT}\n" + "— x AAAAAAAA\n" * 101,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        notes.read(note)


def test_what_no_note_can_hold_is_not_signed() -> None:
    signer = Signer("x", SEED)
    for text in ("", "no newline", "a\rb\n", "\ud800\n"):
        with pytest.raises(NoteError):
            notes.sign(text, signer)
    for name in ("", "a b", "a+b", "a\nb", "a\u2003b"):
        with pytest.raises(NoteError):
            Signer(name, SEED)
    with pytest.raises(NoteError):
        Cosigner("x", SEED[1:])


def test_signatures_are_added_once() -> None:
    first, second = Signer("x", SEED), Signer("y", SEED)
    note = notes.read(notes.sign(TEXT, first))
    both = note.adding(second.signature(TEXT), first.signature(TEXT))
    assert notes.verified(both, [second.key, first.key]) == ("x", "y")


def test_a_checkpoint_is_read_and_written() -> None:
    assert Checkpoint.parse(SOFA).text() == SOFA
    more = SOFA + "more\n"
    assert Checkpoint.parse(more).more == ("more",)
    assert Checkpoint.parse(more).text() == more


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        SOFA[:-1],
        SOFA + "\n",
        SOFA.replace("20852163", "020852163"),
        SOFA.replace("20852163", "-1"),
        SOFA.replace("20852163", "٣"),
        SOFA.replace("20852163", "9" * 5000),
        SOFA.replace("example.com/behind-the-sofa", ""),
        SOFA.replace("2I=", "2J="),
        SOFA.replace("2I=", ""),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)
