"""Tables, plots and pages made from frames."""
