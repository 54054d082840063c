{{ config(enabled=var('broken')) }}
select order_id from {{ ref('broken') }}
