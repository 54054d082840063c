{{ config(materialized='ephemeral') }}
select order_id, customer_id, ordered_on, amount, status
from {{ ref('stg_orders') }}
where status <> 'open'
