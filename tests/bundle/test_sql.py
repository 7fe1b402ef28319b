import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.bundle import sql


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("SELECT 1", ()),
        ("select * from t where a = :a and b = :b or c = :a;", ("a", "b")),
        ("  -- a comment; with :x\n SELECT ':y', \":z\", `:w` /* :v ; DROP */ FROM t", ()),
        ("WITH x AS (SELECT :a) SELECT * FROM x ; ", ("a",)),
        ("SELECT replace(name, 'a', 'b'), a::text, '12:30' FROM t", ()),
        ("(SELECT 1) UNION (SELECT 2)", ()),
        ("SELECT $$ :no ; $$, $q$ delete $q$, [odd name], t.deleted_at, 'it''s' FROM t", ()),
        ("SELECT * FROM json_each(:ids) WHERE x % 2 = 0", ("ids",)),
    ],
)
def test_what_only_reads_passes(text: str, parameters: tuple[str, ...]) -> None:
    assert sql.read(text) == sql.Query(parameters, ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DELETE FROM t", "`DELETE`"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "`DELETE`"),
        ("SELECT 1; SELECT 2", "more than one"),
        ("SELECT 1; DROP TABLE t", "more than one"),
        ("SELECT * INTO copy FROM t", "`INTO`"),
        ("SELECT * FROM t FOR UPDATE", "`UPDATE`"),
        ("PRAGMA table_info(t)", "`PRAGMA`"),
        ("ATTACH 'x' AS y", "`ATTACH`"),
        ("SELECT load_extension('x')", "`LOAD_EXTENSION`"),
        ("VALUES (1)", "SELECT or WITH"),
        ("EXPLAIN SELECT 1", "SELECT or WITH"),
        ("", "SELECT or WITH"),
        ("SELECT ?", "named parameter"),
        ("SELECT $1", "named parameter"),
        ("SELECT %(a)s", "named parameter"),
        ("SELECT 'open", "not closed"),
        ("SELECT 1 /* open", "not closed"),
        ("SELECT $tag$ never closed", "not closed"),
    ],
)
def test_what_does_more_is_refused(text: str, says: str) -> None:
    assert any(says in complaint for complaint in sql.read(text).complaints)


@given(st.text(max_size=100) | st.text("sel;:'\"`$-/*[]()? \n", max_size=40))
def test_nothing_hangs_or_raises(text: str) -> None:
    sql.read(text)


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT 1", ()),
        ("select * from orders where id = :id", ("orders",)),
        (
            'SELECT o.id FROM shop.orders o JOIN "Line Items" AS l ON f(l.o, 1) = o.id, x',
            ("shop.orders", '"Line Items"', "x"),
        ),
        ("select a, b from t1 one, t2 where a in (1, 2) order by c, d", ("t1", "t2")),
        (
            "select * from a, b where a.x in (select y from c) -- from d\n and ':from e' = 'x'",
            ("a", "b", "c"),
        ),
        ("select * from orders o left join orders p on p.id = o.id", ("orders",)),
        ("select * from (select p, q from inner_one) q, other", ("inner_one", "other")),
        ("from", ()),
        ("select * from json_each(:ids)", ("json_each",)),
    ],
)
def test_tables_that_a_query_reads_are_named(text: str, tables: tuple[str, ...]) -> None:
    assert sql.tables(text) == tables


@given(st.text(alphabet="from jinFROM,.;()'\"`[]:x-/*\n", max_size=60))
def test_naming_tables_never_fails(text: str) -> None:
    assert all(sql.tables(text))
