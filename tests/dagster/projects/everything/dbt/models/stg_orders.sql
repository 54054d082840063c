select id, customer_id, cast(day as date) as day, amount from {{ source('shop', 'orders') }} where amount > 0
