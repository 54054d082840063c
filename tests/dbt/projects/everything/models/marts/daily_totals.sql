{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='ordered_on', on_schema_change='append_new_columns') }}
select ordered_on, sum(amount) as amount from {{ ref('clean_orders') }}
{% if is_incremental() %}
where ordered_on >= (select max(ordered_on) from {{ this }})
{% endif %}
group by ordered_on
