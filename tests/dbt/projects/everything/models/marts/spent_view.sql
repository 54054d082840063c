{{ config(enabled=target.type == 'postgres', materialized='materialized_view') }}
select customer_id, spent from {{ ref('customers', v=2) }}
