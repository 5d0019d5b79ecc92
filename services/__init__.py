"""The five services, one package each, and the chassis they share."""
