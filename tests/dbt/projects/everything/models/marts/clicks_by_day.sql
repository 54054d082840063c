{{
    config(
        enabled=var('modern'),
        materialized='incremental',
        incremental_strategy='microbatch',
        event_time='clicked_at',
        batch_size='day',
        begin='2026-11-01',
        unique_key='click_id' if target.type == 'postgres' else none,
        concurrent_batches=false,
    )
}}
select
    click_id,
    customer_id,
    {% if var('bad_day') %}
    case when clicked_at >= cast('{{ var("bad_day") }}' as date) then cast(note as integer) else 0 end as score,
    {% else %}
    0 as score,
    {% endif %}
    clicked_at
from {{ ref('stg_clicks') }}
