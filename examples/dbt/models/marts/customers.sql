with orders as (
    select * from {{ ref('stg_orders') }}
)

select
    c.*,
    count(o.order_id) as orders,
    sum(o.amount) as spent
from {{ ref('stg_customers') }} as c
left join orders as o using (customer_id)
group by all
