with source as (
    select * from {{ ref('raw_orders') }}
)

select
    id as order_id,
    customer as customer_id,
    ordered_on,
    cents / 100.0 as amount
from source
