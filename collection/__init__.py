"""Posts to image-text pairs: readers of tables and archives, photos, cleaning, duplicates."""
