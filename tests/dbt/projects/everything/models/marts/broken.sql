{{ config(enabled=var('broken')) }}
select order_id, no_such_column from {{ ref('stg_orders') }}
