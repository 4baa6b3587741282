"""Files of every kind: whole writes, locks, pictures, Parquet, and work spread over machines."""
