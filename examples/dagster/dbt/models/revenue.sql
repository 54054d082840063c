select country, cast(ordered_on as date) as day, sum(cents) / 100 as euros
from {{ source('shop', 'raw_orders') }}
group by all
