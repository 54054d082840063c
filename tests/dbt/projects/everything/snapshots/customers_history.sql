{% snapshot customers_history %}
{{ config(target_schema=target.schema, unique_key='id', strategy='check', check_cols=['email']) }}
select id, email, first_name from {{ ref('raw_customers') }}
{% endsnapshot %}
