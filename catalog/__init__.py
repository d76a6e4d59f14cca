"""Product types, attributes, products, variants, prices, stock, categories, collections, media, listings."""
