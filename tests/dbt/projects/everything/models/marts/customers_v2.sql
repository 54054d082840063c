select
    c.customer_id,
    c.customer_name,
    count(o.order_id) as orders,
    sum(o.amount) as spent
from {{ ref('stg_customers') }} as c
left join {{ ref('clean_orders') }} as o on o.customer_id = c.customer_id
group by c.customer_id, c.customer_name
