select ordered_on, sum(amount) as revenue
from {{ ref('stg_orders') }}
where amount > 0
group by ordered_on
