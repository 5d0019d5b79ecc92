-- depends: 0002.inventory.stock-moves

-- Amounts of any currency: KWD has three decimals, and a price in IDR more digits than numeric(10, 2) holds. Plain numeric
-- keeps each amount with its currency's own places; what was there stays as it is, and no row is rewritten for it. Which
-- amounts a currency has is the service's to say (services/chassis/currencies.py): the largest charge bounds them here.
ALTER TABLE products
    ALTER COLUMN price TYPE numeric,
    ADD CONSTRAINT products_price_is_an_amount CHECK (price <= 999999999999 AND scale(price) <= 3);
ALTER TABLE reservation_items
    ALTER COLUMN price TYPE numeric,
    ADD CONSTRAINT reservation_items_price_is_an_amount CHECK (price <= 999999999999 AND scale(price) <= 3);

-- Currencies without decimals were priced with two. What is whole says the same as before; a fraction was never paid, for
-- such orders were refused, and the next whole amount is what it could be sold at.
UPDATE products SET price = ceil(price)
WHERE currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF');
