"""
The vocabulary of the features, a file a noun.

Black box: steps act on clusters and on the Git server as a user would and look at what everybody
can see. They never import controllers and never ask which system they talk to.
"""
