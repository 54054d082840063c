{{
    config(
        pre_hook="create table if not exists {{ target.schema }}.audit (model varchar(99), built_rows integer)",
        post_hook=["insert into {{ target.schema }}.audit select 'orders', cast(count(*) as integer) from {{ this }}"]
        + ([{"sql": "analyze {{ this }}", "transaction": false}] if var('modern') else []),
    )
}}
select
    cast(o.order_id as integer) as order_id,
    cast(c.customer_name as varchar(99)) as customer_name,
    cast(o.ordered_on as date) as ordered_on,
    cast(o.amount as integer) as amount
from {{ ref('clean_orders') }} as o
join {{ ref('stg_customers') }} as c on c.customer_id = o.customer_id
