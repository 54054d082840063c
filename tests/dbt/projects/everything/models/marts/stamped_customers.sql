{{ config(materialized='stamped') }}
select customer_id, spent from {{ ref('customers', v=2) }}
