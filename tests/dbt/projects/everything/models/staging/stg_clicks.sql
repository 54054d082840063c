{{ config(event_time='clicked_at') }}
select click_id, customer_id, clicked_at, note
from {{ source('landing', 'clicks') }}
