"""The HTTP surfaces that other products' SDKs speak, one folder per product, translated to the domain.

It owns their addresses, forms and answers. It knows neither the tables nor the spool's files: what it needs of the
platform is in `base`.
"""
