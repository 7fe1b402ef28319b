"""The tables of the retail example, as SQLite DDL.

Money is in cents, percentages in basis points, dates are ISO 8601 days (YYYY-MM-DD). `orders`
carries two columns made for reading (`items_text`, `refund_state`), so that the SQL source of a
request is one indexed look-up.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE regions (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, manager TEXT NOT NULL, area_code TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE stores (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, region_id TEXT NOT NULL REFERENCES regions (id),
  city TEXT NOT NULL, address TEXT NOT NULL, phone TEXT NOT NULL, manager TEXT NOT NULL,
  opened_on TEXT NOT NULL, hours_text TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE store_hours (
  store_id TEXT NOT NULL REFERENCES stores (id),
  weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),  -- 0 is Monday
  opens TEXT, closes TEXT,                                   -- both NULL: closed
  PRIMARY KEY (store_id, weekday)
) WITHOUT ROWID;

CREATE TABLE suppliers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
  lead_days INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE products (
  sku TEXT PRIMARY KEY, name TEXT NOT NULL, keyword TEXT NOT NULL, category TEXT NOT NULL,
  brand TEXT NOT NULL, price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  warranty_months INTEGER NOT NULL, returnable INTEGER NOT NULL CHECK (returnable IN (0, 1)),
  hazmat INTEGER NOT NULL CHECK (hazmat IN (0, 1)),
  supplier_id TEXT NOT NULL REFERENCES suppliers (id)
) WITHOUT ROWID;

CREATE TABLE refund_policy (
  category TEXT PRIMARY KEY, window_days INTEGER NOT NULL, excluded_reasons TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE tier_terms (
  tier TEXT PRIMARY KEY, max_discount_bp INTEGER NOT NULL, free_shipping_cents INTEGER NOT NULL,
  extra_return_days INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE promotions (
  id TEXT PRIMARY KEY, title TEXT NOT NULL, sku TEXT REFERENCES products (sku),
  category TEXT REFERENCES refund_policy (category), region_id TEXT REFERENCES regions (id),
  percent_bp INTEGER NOT NULL CHECK (percent_bp BETWEEN 1 AND 2000),
  starts_on TEXT NOT NULL, ends_on TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE stock (
  store_id TEXT NOT NULL REFERENCES stores (id), sku TEXT NOT NULL REFERENCES products (sku),
  quantity INTEGER NOT NULL CHECK (quantity >= 0), reorder_point INTEGER NOT NULL,
  sold_last_week INTEGER NOT NULL,
  PRIMARY KEY (store_id, sku)
) WITHOUT ROWID;

CREATE TABLE deliveries (  -- what suppliers will bring to stores
  id TEXT PRIMARY KEY, supplier_id TEXT NOT NULL REFERENCES suppliers (id),
  store_id TEXT NOT NULL REFERENCES stores (id), sku TEXT NOT NULL REFERENCES products (sku),
  quantity INTEGER NOT NULL, expected_on TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('confirmed', 'in transit', 'delayed'))
) WITHOUT ROWID;

CREATE TABLE customers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, phone TEXT NOT NULL,
  tier TEXT NOT NULL REFERENCES tier_terms (tier), language TEXT NOT NULL,
  home_store TEXT NOT NULL REFERENCES stores (id),
  region_id TEXT NOT NULL REFERENCES regions (id), joined_on TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE orders (
  id TEXT PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customers (id),
  store_id TEXT NOT NULL REFERENCES stores (id),
  status TEXT NOT NULL
    CHECK (status IN ('placed', 'packed', 'shipped', 'delivered', 'returned', 'cancelled')),
  ordered_on TEXT NOT NULL, promised_on TEXT NOT NULL, delivered_on TEXT,
  total_cents INTEGER NOT NULL, payment TEXT NOT NULL, tracking TEXT,
  items_text TEXT NOT NULL, refund_until TEXT,
  refund_state TEXT NOT NULL
    CHECK (refund_state IN ('open', 'closed', 'excluded', 'not delivered', 'done'))
) WITHOUT ROWID;

CREATE TABLE order_items (
  order_id TEXT NOT NULL REFERENCES orders (id), line INTEGER NOT NULL,
  sku TEXT NOT NULL REFERENCES products (sku), quantity INTEGER NOT NULL,
  unit_price_cents INTEGER NOT NULL,
  PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
"""

INDEXES: Final = """
CREATE INDEX orders_by_customer ON orders (customer_id, ordered_on DESC);
CREATE INDEX orders_by_tracking ON orders (tracking);
CREATE INDEX customers_by_store ON customers (home_store);
CREATE INDEX stores_by_region ON stores (region_id);
CREATE INDEX stock_by_sku ON stock (sku, quantity);
CREATE INDEX deliveries_by_store ON deliveries (store_id, expected_on);
CREATE INDEX promotions_by_day ON promotions (ends_on, starts_on);
CREATE INDEX products_by_category ON products (category);

-- Full-text search over what a customer may call a product; ranked by bm25.
CREATE VIRTUAL TABLE product_search USING fts5 (
  sku, name, category, brand, tokenize = 'porter unicode61'
);
INSERT INTO product_search (sku, name, category, brand)
  SELECT sku, name, category, brand FROM products ORDER BY sku;
INSERT INTO product_search (product_search) VALUES ('optimize');
"""

# In the order of insertion, parents first.
NAMES: Final = (
    "meta",
    "regions",
    "stores",
    "store_hours",
    "suppliers",
    "products",
    "refund_policy",
    "tier_terms",
    "promotions",
    "stock",
    "deliveries",
    "customers",
    "orders",
    "order_items",
)
