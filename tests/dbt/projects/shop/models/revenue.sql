{{ config(materialized='table') }}
select c.name, sum(o.amount) as revenue
from {{ ref('orders') }} as o
join {{ ref('customers') }} as c on c.customer_id = o.customer_id
group by c.name
