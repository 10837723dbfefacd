"""ワクチン接種記録システム, VRS (assessment, system 1): national, an area a municipality, not connected to NWS."""
