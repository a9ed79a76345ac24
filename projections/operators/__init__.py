"""People who sign in to the back office: who they are, what they may do, their sessions."""
