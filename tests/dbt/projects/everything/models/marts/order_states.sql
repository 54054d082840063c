{{ config(materialized='incremental', incremental_strategy='merge' if var('modern') else 'delete+insert', unique_key='order_id') }}
select order_id, status from {{ ref('stg_orders') }}
