select id as customer_id, email, dbt_valid_from as changed_at
from {{ ref('customers_history') }}
