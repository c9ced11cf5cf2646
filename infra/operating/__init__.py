"""Commands for who operates a stage, the local one or one in AWS. Nothing of it is deployed."""
