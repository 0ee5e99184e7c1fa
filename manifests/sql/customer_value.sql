SELECT
    o.customer_id AS customer_id,
    COUNT(o.id) AS order_count,
    SUM(o.total_amount) AS lifetime_value,
    MAX(o.updated_on) AS updated_on
FROM dev.shop.orders AS o
GROUP BY o.customer_id
