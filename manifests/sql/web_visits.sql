SELECT
    v.customer_id AS customer_id,
    v.page AS page,
    v.referrer AS referrer,
    v.updated_on AS updated_on
FROM `my-gcp-project.my_dataset.visits` AS v
WHERE v.customer_id IS NOT NULL
{%- if var.environment != 'production' %}
  AND ENDS_WITH(v.customer_id, '00')
{%- endif %}
