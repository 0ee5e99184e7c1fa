SELECT
    t.email AS email,
    COUNT(t.id) AS count_of_open_tickets,
    MAX(t.last_updated_date_time) AS updated_on
FROM {{ var.database }}.{{ var.schema }}.tickets AS t
WHERE t.status = 'open'
GROUP BY t.email
