"""What runs jobs, and what opens files in processes of their own."""
