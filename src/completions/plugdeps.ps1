# For $PROFILE: plugdeps completions powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName plugdeps -ScriptBlock {
    param($word, $line, $cursor)
    $typed = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -le $cursor } |
        ForEach-Object { $_.Extent.Text })
    # Before 7.3 an empty argument would get lost.
    if ($word -eq '') { $typed += "''" }
    # What begins with a colon is for PowerShell to find, which it does where nothing is offered.
    plugdeps completions powershell @typed 2>$null | Where-Object { $_ -notlike ':*' } | ForEach-Object {
        $name, $sentence = $_ -split "`t", 2
        if (-not $sentence) { $sentence = $name }
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $sentence)
    }
}
