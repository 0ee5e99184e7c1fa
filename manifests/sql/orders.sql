SELECT
    o.id AS order_id,
    o.customer_id AS customer_id,
    o.total_amount AS total_amount,
    o.currency AS currency,
    o.updated_on AS updated_on
FROM dev.shop.orders AS o
WHERE o.status <> 'cancelled'
